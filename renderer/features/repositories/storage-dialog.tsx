import { Button, Group, Loader, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { locationText, type Repository } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, StatusBadge } from '../../ui/index.ts';
import classes from './import-dialog.module.css';

/** Tries out what backups rest on, promise by promise. */
export function StorageDialog({ repository, onClose }: { readonly repository: Repository; readonly onClose: () => void }): ReactNode {
	const trpc = useTRPC();
	const { id } = repository;
	const { mutate, data, error, isPending } = useMutation(trpc.repositories.checkStorage.mutationOptions());
	useEffect(() => mutate({ id }), [id, mutate]);
	const broken = data?.promises.filter((each) => each.error !== null) ?? [];
	const hint = broken[0]?.error?.hint;
	return (
		<Modal opened onClose={onClose} title={`The storage of “${repository.settings.name}”`} size={620} centered>
			{error ? <ErrorPanel failure={errorShapeOf(error)} /> : null}
			{data ? (
				<>
					<p className={classes.summary}>
						{broken.length === 0
							? `It keeps all ${data.promises.length} promises that backups rest on.`
							: `It breaks ${broken.length} of ${data.promises.length} promises that backups rest on.`}
						{hint ? ` ${hint}` : ''}
					</p>
					<ul className={classes.promises} style={{ marginTop: 14 }}>
						{data.promises.map(({ promise, error: failure }) => (
							<li key={promise}>
								<StatusBadge status={failure === null ? 'success' : 'failed'}>{failure === null ? 'kept' : 'broken'}</StatusBadge>
								<span>
									{promise}
									{failure ? <small>{failure.message}</small> : null}
								</span>
							</li>
						))}
					</ul>
				</>
			) : !error ? (
				<div className={classes.looking}>
					<Loader size="sm" /> Writing, reading back, renaming and deleting a few small files in {locationText(repository)}…
				</div>
			) : null}
			<Group justify="flex-end" mt="lg" gap="xs">
				<Button variant="default" loading={isPending} onClick={() => mutate({ id })}>
					Try again
				</Button>
				<Button onClick={onClose}>Close</Button>
			</Group>
		</Modal>
	);
}
