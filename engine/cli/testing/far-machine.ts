/** For tests only: another machine, with an address of its own, as a network namespace that one cable joins with this one. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { requireTool } from '../../base/testing.ts';
import { program } from './program.ts';

export const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });

export const mayMakeNamespaces = (): boolean => process.platform === 'linux' && process.getuid?.() === 0;

export type FarMachine = {
	/** Runs the program there. */
	readonly command: [string, ...string[]];
	/** Of this machine, and of that one. */
	readonly near: string;
	readonly far: string;
	/** Takes the cable out, and puts it back. */
	setLink(state: 'up' | 'down'): void;
	/** What the cable has carried, both ways. */
	carriedBytes(): number;
};

/** Null: the test is skipped. `number`: of the cable, other than those of other tests (3 to 250). */
export function addFarMachine(t: TestContext, number: number): FarMachine | null {
	if (!requireTool(t, 'ip')) return null;
	if (!mayMakeNamespaces()) {
		t.skip('network namespaces need root on Linux');
		return null;
	}
	const namespace = `holdfast-${number}-${process.pid}`;
	const [nearEnd, farEnd] = [`hfa${number}p${process.pid}`.slice(0, 15), `hfb${number}p${process.pid}`.slice(0, 15)];
	const [near, far] = [`10.231.${number}.1`, `10.231.${number}.2`];
	ip('netns', 'add', namespace);
	t.after(() => ip('netns', 'delete', namespace)); // and the cable with it
	ip('link', 'add', nearEnd, 'type', 'veth', 'peer', 'name', farEnd, 'netns', namespace);
	ip('address', 'add', `${near}/24`, 'dev', nearEnd);
	ip('link', 'set', nearEnd, 'up');
	ip('-n', namespace, 'address', 'add', `${far}/24`, 'dev', farEnd);
	for (const device of ['lo', farEnd]) ip('-n', namespace, 'link', 'set', device, 'up');
	const carried = (way: 'rx' | 'tx'): number => Number(readFileSync(`/sys/class/net/${nearEnd}/statistics/${way}_bytes`, 'utf8'));
	return {
		command: ['ip', 'netns', 'exec', namespace, process.execPath, program],
		...{ near, far },
		setLink: (state) => ip('link', 'set', nearEnd, state),
		carriedBytes: () => carried('rx') + carried('tx'),
	};
}
