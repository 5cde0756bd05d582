import { EngineError, isEngineError } from '../base/index.ts';
import type { Entity } from '../config/index.ts';
import type { EngineApi, ThrottleRule, ThrottleSettings } from '../contract/index.ts';
import type { ApiParts } from './parts.ts';

/** Rules that cap traffic between ranges of addresses. What is under way goes by a change when the call resolves. */
export function createThrottlesApi({ config: { throttleRules }, limits, bus }: Pick<ApiParts, 'config' | 'limits' | 'bus'>): EngineApi['throttles'] {
	const describe = (rule: Entity<ThrottleSettings>): ThrottleRule => {
		const { id, revision, settings } = rule;
		return { id, revision, settings, ...limits.stateOf(rule) };
	};
	async function changed(id: string): Promise<void> {
		await limits.reload();
		bus.emit({ kind: 'throttle', id });
	}
	return {
		list: async () => (await throttleRules.list()).map(describe),
		async add(settings) {
			const rule = await throttleRules.insert(settings);
			await changed(rule.id);
			return describe(rule);
		},
		async update({ id, revision, settings }) {
			try {
				const rule = await throttleRules.update(id, revision, settings);
				await changed(id);
				return describe(rule);
			} catch (error) {
				if (!isEngineError(error, 'stale.revision')) throw error;
				throw new EngineError(error.code, error.message, { hint: error.hint, data: { current: describe(await throttleRules.get(id)) }, cause: error });
			}
		},
		async remove({ id, revision }) {
			await throttleRules.remove(id, revision);
			await changed(id);
		},
	};
}
