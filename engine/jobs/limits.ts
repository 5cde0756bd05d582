/** The limits of the configuration, as they are at this moment, on all that moves data. */
import type { Entity, EntityStore } from '../config/index.ts';
import type { RepositorySettings, ThrottleSettings } from '../contract/index.ts';
import type { Bandwidth } from '../mover/index.ts';

export interface Limits {
	/** Call when repositories or rules have changed: what is under way goes by the new state when it resolves. */
	reload(): Promise<void>;
	/** Of a rule, now: whether it holds, and how many transfers share it. */
	stateOf(rule: Pick<Entity<ThrottleSettings>, 'id' | 'settings'>): { readonly isActive: boolean; readonly transferCount: number };
}

type LimitsParts = {
	readonly repositories: Pick<EntityStore<RepositorySettings>, 'list'>;
	readonly throttleRules: Pick<EntityStore<ThrottleSettings>, 'list'>;
	readonly bandwidth: Pick<Bandwidth, 'setRepositories' | 'setRules' | 'stateOf'>;
};

export const createLimits = ({ repositories, throttleRules, bandwidth }: LimitsParts): Limits => ({
	async reload() {
		bandwidth.setRepositories((await repositories.list()).map(({ settings }) => settings));
		bandwidth.setRules(await throttleRules.list());
	},
	stateOf: (rule) => bandwidth.stateOf(rule),
});
