import { notifications } from '@mantine/notifications';
import { IconCheck, IconX } from '@tabler/icons-react';
import { CopyDetails, type Failure } from './panels.tsx';

export function notifyDone(message: string): void {
	notifications.show({ message, color: 'green', icon: <IconCheck size={16} /> });
}

/** For actions that have no place of their own to show a failure; it stays until it is closed. */
export function notifyFailure(title: string, failure: Failure): void {
	notifications.show({
		title,
		message: (
			<>
				{[failure.message, failure.hint].filter(Boolean).join(' ')}
				<div>
					<code>{failure.code}</code> <CopyDetails failure={failure} />
				</div>
			</>
		),
		color: 'red',
		icon: <IconX size={16} />,
		autoClose: false,
	});
}
