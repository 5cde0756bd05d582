import { IconLock } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { shortId } from './encryption-choice.ts';
import classes from './keys.module.css';

/** Lock and word, for whatever is encrypted. */
export const EncryptedMark = ({ keyId }: { readonly keyId: string | null }): ReactNode => (
	<span className={classes.mark} title={keyId === null ? undefined : `With the key ${shortId(keyId)}`}>
		<IconLock size={13} aria-hidden /> encrypted
	</span>
);
