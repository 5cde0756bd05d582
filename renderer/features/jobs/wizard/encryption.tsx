import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTRPC } from '../../../client.ts';
import { chosenKeyId, EncryptionPart } from '../../keys/index.ts';
import type { StepProps } from './job-wizard.tsx';

/** What the chains of the job are encrypted with. */
export function Encryption({ draft, encryption, changeEncryption, errors, jobId, savedKeyId }: StepProps): ReactNode {
	const trpc = useTRPC();
	const repositories = useQuery(trpc.repositories.list.queryOptions());
	const repository = repositories.data?.find(({ id }) => id === draft.repositoryId);
	const isEncrypted = repository?.settings.encryptionKeyId != null;
	const isChanged = encryption.mode === 'new' || chosenKeyId(encryption) !== savedKeyId;
	return (
		<EncryptionPart
			choice={encryption}
			onChange={changeEncryption}
			errors={errors}
			none={{
				title: `Like the repository (${repository === undefined ? 'not chosen yet' : isEncrypted ? 'encrypted' : 'not encrypted'})`,
				text: isEncrypted
					? `With the key of “${repository.settings.name}”.`
					: 'Whoever reads the backup files reads what is in them. Protect them as you protect the originals.',
			}}
			note={jobId !== null && isChanged ? 'The next run begins new chains with a full. What is stored stays as it is until retention removes it.' : null}
		/>
	);
}
