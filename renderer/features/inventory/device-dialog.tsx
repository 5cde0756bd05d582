import { Button, Group, Modal, NumberInput, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import type { Device } from '../../../engine/contract/index.ts';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ErrorPanel, notifyDone } from '../../ui/index.ts';
import { PlacePicker } from '../places/index.ts';
import classes from './inventory.module.css';

const mebibyte = 2 ** 20;

export function AddDeviceDialog({ onClose, onAdded }: { readonly onClose: () => void; readonly onAdded: (device: Device) => void }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [name, setName] = useState('');
	const [path, setPath] = useState('');
	const [cacheFolder, setCacheFolder] = useState('');
	const [limitMiB, setLimitMiB] = useState<number | string>('');
	const [picking, setPicking] = useState<'path' | 'cacheFolder' | null>(null);
	const add = useMutation(
		trpc.devices.add.mutationOptions({
			onSuccess: (device) => {
				void queryClient.invalidateQueries(trpc.devices.pathFilter());
				notifyDone(`“${device.settings.name}” is served`);
				onAdded(device);
			},
		}),
	);
	const failure = add.error ? errorShapeOf(add.error) : null;
	const field = typeof failure?.data?.field === 'string' ? failure.data.field : null;
	const errorAt = (wanted: string): string | null => (failure && field === wanted ? [failure.message, failure.hint].filter(Boolean).join(' ') : null);
	const submit = (event: FormEvent): void => {
		event.preventDefault();
		add.mutate({
			name: name.trim(),
			path: path.trim(),
			cacheFolder: cacheFolder.trim() || null,
			cacheLimitBytes: typeof limitMiB === 'number' ? limitMiB * mebibyte : null,
		});
	};
	const typed = (set: (value: string) => void) => (event: { readonly currentTarget: { readonly value: string } }) => {
		set(event.currentTarget.value);
		add.reset();
	};
	return (
		<>
			<Modal opened={picking === null} onClose={onClose} title="Add device" size={540} centered closeOnClickOutside={false}>
				<form onSubmit={submit} className={classes.form}>
					<p className={classes.text}>
						From then on whatever writes to it must go through the address that you get, and nothing else may use it. What lies in it does not change.
					</p>
					<TextInput
						label="Name"
						description="Also the name of its export."
						required
						data-autofocus
						placeholder="Database"
						value={name}
						error={errorAt('name')}
						onChange={typed(setName)}
					/>
					<TextInput
						label="Raw image or block device"
						required
						placeholder="/vm/db.img"
						value={path}
						error={errorAt('path')}
						onChange={typed(setPath)}
						rightSectionWidth={84}
						rightSection={
							<Button variant="subtle" size="compact-xs" onClick={() => setPicking('path')}>
								Browse…
							</Button>
						}
					/>
					<TextInput
						label="Cache"
						description="What is overwritten while a job reads is kept here; best on a fast disk with room."
						placeholder="the data folder"
						value={cacheFolder}
						error={errorAt('cacheFolder')}
						onChange={typed(setCacheFolder)}
						rightSectionWidth={84}
						rightSection={
							<Button variant="subtle" size="compact-xs" onClick={() => setPicking('cacheFolder')}>
								Browse…
							</Button>
						}
					/>
					<NumberInput
						label="At most, for each snapshot"
						description="A cache that is full costs the snapshot, never the device."
						placeholder="a fifth of the device"
						suffix=" MiB"
						min={1}
						max={2 ** 30}
						allowDecimal={false}
						value={limitMiB}
						error={errorAt('cacheLimitBytes')}
						onChange={(value) => {
							setLimitMiB(value);
							add.reset();
						}}
					/>
					{failure && !['name', 'path', 'cacheFolder', 'cacheLimitBytes'].includes(field ?? '') ? <ErrorPanel failure={failure} /> : null}
					<Group justify="flex-end" gap="xs">
						<Button variant="default" onClick={onClose}>
							Cancel
						</Button>
						<Button type="submit" loading={add.isPending} disabled={name.trim() === '' || path.trim() === ''}>
							Add and serve
						</Button>
					</Group>
				</form>
			</Modal>
			<PlacePicker
				opened={picking !== null}
				title={picking === 'path' ? 'Choose an image or a device' : 'Choose the folder of the cache'}
				mode={picking === 'path' ? 'file' : 'folder'}
				initialPath={(picking === 'path' ? path : cacheFolder) || null}
				onChoose={(chosen) => {
					(picking === 'path' ? setPath : setCacheFolder)(chosen);
					add.reset();
					setPicking(null);
				}}
				onClose={() => setPicking(null)}
			/>
		</>
	);
}
