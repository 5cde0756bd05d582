/** What QEMU's guest agent does in a guest (the QEMU guest agent protocol reference: guest-exec, guest-exec-status), and where the guest is. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { EngineError, isEngineError } from '../../../../base/index.ts';
import type { GuestCall, GuestOutcome, HypervisorOptions } from '../../hypervisor.ts';
import type { Virsh } from './virsh.ts';

/** Until the agent has taken a command; what that does may last longer. */
const agentS = 20;
const firstLookMs = 50;
const longestLookMs = 1000;
/** Of what a program says, this much is for people. */
const maxText = 64 * 1024;

const begun = z.object({ pid: z.number().int() });
const status = z.object({
	exited: z.boolean(),
	exitcode: z.number().int().optional(),
	signal: z.number().int().optional(),
	'out-data': z.string().optional(),
	'err-data': z.string().optional(),
});

async function askAgent<Answer>(virsh: Virsh, machineId: string, command: object, answer: z.ZodType<Answer>, signal: AbortSignal | undefined): Promise<Answer> {
	const said = await virsh('qemu-agent-command', ['--timeout', String(agentS)], [machineId, JSON.stringify(command)], { signal });
	let json: unknown;
	try {
		json = JSON.parse(said);
	} catch {
		json = null;
	}
	const parsed = z.object({ return: answer }).safeParse(json);
	if (!parsed.success) throw new EngineError('source.refused', 'The guest agent says something that is not understood.', { cause: parsed.error });
	return parsed.data.return;
}

/** Waits for the end of the program; what is given up goes on in the guest. */
export async function runInGuest(virsh: Virsh, { machineId, program, args }: GuestCall, { signal }: HypervisorOptions): Promise<GuestOutcome> {
	const exec = { execute: 'guest-exec', arguments: { path: program, arg: args, 'capture-output': true } };
	const { pid } = await askAgent(virsh, machineId, exec, begun, signal).catch((error: unknown) => {
		if (!isEngineError(error, 'source.refused')) throw error;
		throw new EngineError(error.code, `The guest agent does not run ${program}: ${error.message}`, {
			hint: 'Check that it is there and may be executed, and that the configuration of the agent allows guest-exec.',
			cause: error,
		});
	});
	for (let lookMs = firstLookMs; ; lookMs = Math.min(longestLookMs, lookMs * 2)) {
		await sleep(lookMs, undefined, { signal });
		const now = await askAgent(virsh, machineId, { execute: 'guest-exec-status', arguments: { pid } }, status, signal);
		if (!now.exited) continue;
		const text = (data = ''): string => Buffer.from(data.slice(0, maxText), 'base64').toString();
		return { code: now.exitcode ?? 128 + (now.signal ?? 0), stdout: text(now['out-data']), stderr: text(now['err-data']) };
	}
}

/** As the guest says itself, else as the host has given them, else as it has heard from its neighbours, with which it shares a network. */
export async function addressesOf(virsh: Virsh, machineId: string, { signal }: HypervisorOptions): Promise<readonly string[]> {
	const ask = (command: string, options: readonly string[]): Promise<string> =>
		virsh(command, options, [machineId], { signal }).catch((error: unknown) => {
			if (!isEngineError(error, 'source.refused')) throw error;
			return ''; // this source knows nothing of it
		});
	for (const source of ['agent', 'lease']) {
		const found = parseAddresses(await ask('domifaddr', ['--source', source]));
		if (found.length > 0) return found;
	}
	// libvirt has this as a source too, and loses its way in the answers of some kernels
	const neighbours = await readFile('/proc/net/arp', 'utf8').catch(() => '');
	return addressesOfCards(await ask('domiflist', []), neighbours);
}

/** Of the cards that `virsh domiflist` has, by the host's table of neighbours (proc(5), /proc/net/arp). */
export function addressesOfCards(listed: string, neighbours: string): readonly string[] {
	const cards = new Set(listed.toLowerCase().match(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g) ?? []);
	const lines = neighbours.split('\n').map((line) => line.trim().split(/\s+/));
	return lines.flatMap(([address = '', , flags = '', card = '']) => (Number(flags) > 0 && cards.has(card.toLowerCase()) ? [address] : []));
}

/** The table of `virsh domifaddr`, IPv4 before IPv6. Loopback and link-local addresses are no way there. */
export function parseAddresses(said: string): readonly string[] {
	const found = [...said.matchAll(/\b(ipv[46]) +([0-9a-f.:]{2,45})\/\d{1,3}\s*$/gim)].map(([, family = '', address = '']) => ({
		family: family.toLowerCase(),
		address,
	}));
	const usable = found.filter(({ address }) => !/^(127\.|169\.254\.|::1$|fe80:)/i.test(address));
	return [...new Set(usable.toSorted((a, b) => (a.family < b.family ? -1 : a.family > b.family ? 1 : 0)).map(({ address }) => address))];
}
