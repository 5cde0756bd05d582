import type { Command } from 'commander';
import { EngineError } from '../../base/index.ts';
import { formatThrottleWindow, parseThrottleWindow, type ThrottleRule, type ThrottleSettings, type ThrottleWindow } from '../../contract/index.ts';
import type { CommandLine } from '../command-line.ts';
import { formatFields, formatTable } from '../format.ts';
import { findThrottle } from '../lookup.ts';
import { parseRate } from '../parse.ts';
import { withExample } from './group.ts';

/** Rules that cap traffic between ranges of addresses. */
export function addThrottleCommands(group: Command, line: CommandLine): void {
	addAdd(group, line);
	addList(group, line);
	addEdit(group, line);
	addRemove(group, line);
}

const ruleJson = ({ id, settings, isActive, transferCount }: ThrottleRule) => ({
	id,
	name: settings.name,
	from: settings.from,
	to: settings.to,
	bytesPerSec: settings.bytesPerSec,
	windows: settings.windows.map(formatThrottleWindow),
	enabled: settings.enabled,
	active: isActive,
	transfers: transferCount,
});

const rateText = (bytesPerSec: number): string => `${Number((bytesPerSec / 1e6).toFixed(3))} MB/s`;
const windowsText = (windows: readonly ThrottleWindow[]): string => (windows.length === 0 ? 'always' : windows.map(formatThrottleWindow).join('; '));
const stateText = ({ settings, isActive, transferCount }: ThrottleRule): string =>
	!settings.enabled ? 'off' : isActive ? `holds, ${transferCount === 1 ? '1 transfer' : `${transferCount} transfers`}` : 'not at this time';

const ruleLines = (rule: ThrottleRule): string[] =>
	formatFields([
		['Name', rule.settings.name],
		['Between', rule.settings.from],
		['And', rule.settings.to],
		['Limit', rateText(rule.settings.bytesPerSec)],
		['When', windowsText(rule.settings.windows)],
		['State', stateText(rule)],
	]);

type RuleOptions = {
	readonly name?: string;
	readonly from?: string;
	readonly to?: string;
	readonly limit?: string;
	readonly window?: readonly string[];
	readonly always?: boolean;
	readonly off?: boolean;
	readonly on?: boolean;
};

const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

const addOptions = (command: Command): Command =>
	command.option('--window <times>', 'hold only at these times of this machine: "mon-fri 08:00-18:00", "sat,sun", "22:00-06:00"; may be given again', collect);

function parseLimit(text: string): number {
	const bytesPerSec = parseRate('--limit', text);
	if (bytesPerSec === null)
		throw new EngineError('usage.invalid', '--limit: a rule without a limit does nothing.', {
			hint: 'Give the megabytes per second, for example 5; or remove the rule.',
			data: { field: '--limit' },
		});
	return bytesPerSec;
}

function parseWindow(text: string): ThrottleWindow {
	const window = parseThrottleWindow(text);
	if (typeof window === 'string') throw new EngineError('usage.invalid', `--window: ${window}`, { data: { field: '--window' } });
	return window;
}

function changesOf({ name, from, to, limit, window, always, off, on }: RuleOptions): Partial<ThrottleSettings> {
	if (always && window) throw new EngineError('usage.conflict', '--always and --window exclude each other.', { data: { field: '--always' } });
	if (on && off) throw new EngineError('usage.conflict', '--on and --off exclude each other.', { data: { field: '--off' } });
	return {
		...(name !== undefined && { name }),
		...(from !== undefined && { from }),
		...(to !== undefined && { to }),
		...(limit !== undefined && { bytesPerSec: parseLimit(limit) }),
		...(window && { windows: window.map(parseWindow) }),
		...(always && { windows: [] }),
		...((on || off) && { enabled: on === true }),
	};
}

function addAdd(group: Command, line: CommandLine): void {
	const command = addOptions(
		withExample(
			group
				.command('add')
				.description('Cap the traffic between two ranges of addresses, in both directions. All sessions that the rule catches share its limit.')
				.argument('<NAME>', 'name of the rule')
				.requiredOption('--from <range>', 'addresses of one side: 10.0.0.1-10.0.0.255, 10.0.0.0/24 or one address; this machine alone is 127.0.0.1')
				.requiredOption('--to <range>', 'addresses of the other side')
				.requiredOption('--limit <MB/s>', 'megabytes per second'),
			'throttle add Branch --from 10.0.0.0/24 --to 10.8.0.1-10.8.0.20 --limit 5 --window "mon-fri 08:00-18:00"',
		),
	);
	command.action((name: string, options: RuleOptions & { readonly from: string; readonly to: string; readonly limit: string }) =>
		line.run(command, async ({ client, output }) => {
			const { from, to, limit } = options;
			const rule = await (await client()).throttles.add.mutate({ ...changesOf(options), name, from, to, bytesPerSec: parseLimit(limit) });
			output.result(
				() => ({ throttle: ruleJson(rule) }),
				() => ruleLines(rule),
			);
			return undefined;
		}),
	);
}

function addList(group: Command, line: CommandLine): void {
	const command = withExample(group.command('list').description('List the throttling rules, with what they do now.'), 'throttle list');
	command.action(() =>
		line.read(command, async ({ client, output }) => {
			const rules = await (await client()).throttles.list.query();
			output.result(
				() => ({ throttles: rules.map(ruleJson) }),
				() =>
					formatTable(
						rules,
						[
							{ title: 'Name', value: ({ settings }) => settings.name },
							{ title: 'Between', value: ({ settings }) => settings.from },
							{ title: 'And', value: ({ settings }) => settings.to },
							{ title: 'Limit', value: ({ settings }) => rateText(settings.bytesPerSec), alignRight: true },
							{ title: 'When', value: ({ settings }) => windowsText(settings.windows) },
							{ title: 'State', value: stateText },
						],
						'No throttling rules: sessions take all of the network. See "holdfast throttle add --help".',
					),
			);
			return undefined;
		}),
	);
}

function addEdit(group: Command, line: CommandLine): void {
	const command = addOptions(
		withExample(
			group
				.command('edit')
				.description('Change a rule. What is under way goes by it at once.')
				.argument('<NAME>', 'name or id')
				.option('--name <name>', 'another name')
				.option('--from <range>', 'addresses of one side')
				.option('--to <range>', 'addresses of the other side')
				.option('--limit <MB/s>', 'megabytes per second')
				.option('--always', 'hold at all times')
				.option('--off', 'keep the rule and do not apply it')
				.option('--on', 'apply it again'),
			'throttle edit Branch --limit 8',
		),
	);
	command.action((name: string, options: RuleOptions) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id, revision, settings } = await findThrottle(engine, name);
			const rule = await engine.throttles.update.mutate({ id, revision, settings: { ...settings, ...changesOf(options) } });
			output.result(
				() => ({ throttle: ruleJson(rule) }),
				() => ruleLines(rule),
			);
			return undefined;
		}),
	);
}

function addRemove(group: Command, line: CommandLine): void {
	const command = withExample(
		group.command('remove').description('Remove a rule. What it held goes faster at once.').argument('<NAME>', 'name or id'),
		'throttle remove Branch',
	);
	command.action((name: string) =>
		line.run(command, async ({ client, output }) => {
			const engine = await client();
			const { id, revision, settings } = await findThrottle(engine, name);
			await engine.throttles.remove.mutate({ id, revision });
			output.result(
				() => ({ removed: { id, name: settings.name } }),
				() => [`The throttling rule "${settings.name}" is removed.`],
			);
			return undefined;
		}),
	);
}
