/** Hypervisor hosts of a managed machine: what is asked of its data mover, and how that answers. */
import type { HostSettings } from '../contract/index.ts';
import type { HypervisorControl, HypervisorOptions } from '../source/index.ts';
import type { ControlAnswer, ControlQuestion } from './control-words.ts';

type HostQuestion = Extract<ControlQuestion, { readonly host: unknown }>;
type HostAnswer = ControlAnswer<HostQuestion['ask']>;
type Ask = <Asked extends HostQuestion['ask']>(
	question: Extract<HostQuestion, { readonly ask: Asked }>,
	options: HypervisorOptions,
) => Promise<ControlAnswer<Asked>>;

/** A host, asked through the data mover that `ask` reaches. */
export function hostThrough(ask: Ask, { type, uri }: Pick<HostSettings, 'type' | 'uri'>): HypervisorControl {
	const host = { type, uri };
	return {
		describe: (options = {}) => ask({ ask: 'host', host }, options),
		machines: async ({ name = null, ...options } = {}) => (await ask({ ask: 'hostMachines', host, name }, options)).machines,
		checkpoints: async (machineId, options = {}) => (await ask({ ask: 'checkpoints', host, machineId }, options)).names,
		async dropCheckpoints(machineId, names, options = {}) {
			if (names.length > 0) await ask({ ask: 'dropCheckpoints', host, machineId, names: [...names] }, options);
		},
		holdStill: async (machineId, isHeld, options = {}) => (await ask({ ask: 'holdStill', host, machineId, isHeld }, options)).count,
	};
}

export const isHostQuestion = (question: ControlQuestion): question is HostQuestion => 'host' in question;

export async function answerHostQuestion(question: HostQuestion, hypervisor: HypervisorControl, { signal }: HypervisorOptions): Promise<HostAnswer> {
	switch (question.ask) {
		case 'host':
			return hypervisor.describe({ signal });
		case 'hostMachines':
			return { machines: await hypervisor.machines({ signal, ...(question.name !== null && { name: question.name }) }) };
		case 'checkpoints':
			return { names: await hypervisor.checkpoints(question.machineId, { signal }) };
		case 'dropCheckpoints':
			await hypervisor.dropCheckpoints(question.machineId, question.names, { signal });
			return { done: true };
		case 'holdStill':
			return { count: await hypervisor.holdStill(question.machineId, question.isHeld, { signal }) };
	}
}
