import { ActionIcon, CopyButton, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import type { ReactNode } from 'react';

export const CopyIcon = ({ value, label }: { readonly value: string; readonly label: string }): ReactNode => (
	<CopyButton value={value}>
		{({ copied, copy }) => (
			<Tooltip label={copied ? 'Copied' : label}>
				<ActionIcon variant="subtle" color="gray" size="sm" onClick={copy} aria-label={label}>
					{copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
				</ActionIcon>
			</Tooltip>
		)}
	</CopyButton>
);
