import { EngineError } from '../base/index.ts';
import { type EngineApi, isFinal } from '../contract/index.ts';
import type { HealthInput, MaintenanceInput, ReadingInput } from '../jobs/index.ts';
import type { ApiParts } from './parts.ts';

export function createSessionsApi(
	{ sessions, runner }: ApiParts,
	api: Pick<EngineApi, 'restore' | 'points' | 'chains' | 'repositories'>,
): EngineApi['sessions'] {
	/** The same work once more. The input was written by this program, in the shape of its kind. */
	function again(input: ReadingInput | MaintenanceInput | HealthInput): Promise<{ sessionId: string }> {
		switch (input.kind) {
			case 'restore-files':
				return api.restore.files(input.input, {});
			case 'restore-disk':
				return api.restore.disk(input.input, {});
			case 'restore-vm':
				return api.restore.vm(input.input, {});
			case 'verify':
				return api.points.verify({ point: input.pointId }, {});
			case 'check':
				return api.chains.check({ id: input.chainId, repositoryId: input.repositoryId }, {});
			case 'compact':
				return api.chains.compact({ id: input.chainId, repositoryId: input.repositoryId }, {});
			case 'repair':
				return api.chains.repair({ id: input.chainId, repositoryId: input.repositoryId }, {});
			case 'health':
				return api.repositories.check({ id: input.repositoryId, isWhole: input.isWhole }, {});
		}
	}

	return {
		list: (filter) => sessions.list(filter),
		get: ({ id }) => sessions.get(id),
		log: ({ id, afterSeq, limit }) => sessions.log(id, afterSeq, limit),
		follow: ({ id }, { signal }) => sessions.follow(id, { signal }),
		cancel: ({ id }) => sessions.cancel(id),
		async retry({ id }) {
			const session = await sessions.record(id);
			if (!isFinal(session.state)) {
				throw new EngineError('busy.job', `“${session.title}” has not ended yet.`, {
					hint: 'Cancel it first, or wait until it has ended.',
					data: { sessionId: id },
				});
			}
			if (session.kind === 'backup') return { sessionId: (await runner.retry(session)).id };
			return again(session.input as ReadingInput | MaintenanceInput | HealthInput);
		},
	};
}
