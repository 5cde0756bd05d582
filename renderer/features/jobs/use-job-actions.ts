import { useMutation } from '@tanstack/react-query';
import { navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { notifyDone, notifyFailure, plural } from '../../ui/index.ts';

type RunWish = {
	/** A full outside of the chain; null: kept until somebody removes it. */
	readonly adHoc?: { keepUntil: number | null };
	/** Only these objects. */
	readonly objects?: string[];
};

export type JobActions = {
	/** Starts and stays where it is; the running session shows in the list. */
	run(jobs: readonly { id: string; name: string }[], full?: 'active' | 'synthetic' | null, wish?: RunWish): void;
	cancel(id: string): void;
	setEnabled(ids: readonly string[], enabled: boolean): void;
	readonly isBusy: boolean;
};

export function useJobActions(): JobActions {
	const trpc = useTRPC();
	const run = useMutation(trpc.jobs.run.mutationOptions());
	const cancel = useMutation(trpc.jobs.cancel.mutationOptions({ onError: (error) => notifyFailure('The job was not cancelled', errorShapeOf(error)) }));
	const enable = useMutation(trpc.jobs.setEnabled.mutationOptions({ onError: (error) => notifyFailure('The jobs were not changed', errorShapeOf(error)) }));
	return {
		run: (jobs, full = null, wish = {}) =>
			void Promise.allSettled(jobs.map(({ id }) => run.mutateAsync({ id, full, ...wish }))).then((results) => {
				const failed = results.flatMap((result, i) => (result.status === 'rejected' ? [{ name: jobs[i]?.name, failure: errorShapeOf(result.reason) }] : []));
				// Several jobs may refuse for one and the same reason: say the first in full and count the rest.
				if (failed[0])
					notifyFailure(failed.length === 1 ? `${failed[0].name} was not started` : `${plural(failed.length, 'job')} were not started`, failed[0].failure);
				if (results.length > failed.length)
					notifyDone(results.length === 1 ? `${jobs[0]?.name} was started` : `${plural(results.length - failed.length, 'job')} started`);
			}),
		cancel: (id) => cancel.mutate({ id }),
		setEnabled: (ids, enabled) =>
			enable.mutate({ ids: [...ids], enabled }, { onSuccess: () => notifyDone(`${plural(ids.length, 'job')} ${enabled ? 'enabled' : 'disabled'}`) }),
		isBusy: run.isPending || cancel.isPending || enable.isPending,
	};
}

/** For actions that begin a session which one wants to watch. */
export const watchSession = ({ sessionId }: { sessionId: string }): void => navigate(`/sessions/${sessionId}`);
