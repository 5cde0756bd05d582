import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ProtectedObject } from '../../../engine/contract/index.ts';
import { navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { ConfirmDialog, formatBytes, plural } from '../../ui/index.ts';

/** A site of thousands proves itself in portions; those with the most to lose come first. */
const atOnce = 20;

/** The button that mends "never read back": a session per object, on its newest point. */
export function VerifyNewest({ objects }: { readonly objects: readonly ProtectedObject[] }): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const [isAsking, setAsking] = useState(false);
	const chosen = objects.toSorted((a, b) => b.sourceBytes - a.sourceBytes).slice(0, atOnce);
	const verify = useMutation(trpc.points.verify.mutationOptions());
	const verifyAll = useMutation({
		mutationFn: async () => {
			for (const { jobId, object } of chosen) {
				const points = await queryClient.fetchQuery(trpc.points.list.queryOptions({ jobId, object }));
				const newest = points.find(({ restorable }) => restorable);
				if (newest) await verify.mutateAsync({ point: newest.id });
			}
		},
		onSuccess: () => navigate('/activity?kind=verify'),
	});
	const bytes = chosen.reduce((sum, { sourceBytes }) => sum + sourceBytes, 0);
	return (
		<>
			<Button variant="default" size="compact-xs" onClick={() => setAsking(true)}>
				Verify…
			</Button>
			<ConfirmDialog
				opened={isAsking}
				title={`Verify the newest point of ${plural(chosen.length, 'object')}?`}
				confirmLabel={`Verify ${plural(chosen.length, 'point')}`}
				isHarmless
				isBusy={verifyAll.isPending}
				failure={verifyAll.error ? errorShapeOf(verifyAll.error) : null}
				onConfirm={() => verifyAll.mutate()}
				onClose={() => {
					setAsking(false);
					verifyAll.reset();
				}}
			>
				Reads back everything that restoring {chosen.length === 1 ? 'it' : 'them'} needs, up to {formatBytes(bytes)}, and compares it. Nothing is written.
				{objects.length > chosen.length && ` The ${chosen.length} largest of ${plural(objects.length, 'object')} come first.`}
			</ConfirmDialog>
		</>
	);
}
