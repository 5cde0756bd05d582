/** Applications in guests, as a job names them for all of its machines, and as one machine has them. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { EngineError } from '../../base/index.ts';
import { parseMachinePath } from '../../contract/index.ts';

const connectMs = 5_000;
const sshPort = 22;

/** `ssh:USER@[:PORT]/path…`: the machine's own address stands between. */
const sshInGuest = /^ssh:([^@/]+)@(?::(\d{1,5}))?(\/.*)$/s;

const withOption = (spec: string, name: string, value: string): string => `${spec}${spec.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`;

/** @throws `usage.invalid` */
export function refuseOtherGuestWriter(spec: string): void {
	if (spec.startsWith('agent:') || sshInGuest.test(spec)) return;
	throw new EngineError('usage.invalid', `${spec} names nothing in a guest.`, {
		hint: 'Write agent:/path/in/the/guest, which the guest agent runs, or ssh:USER@/path/in/the/guest: the address is that of each machine.',
		data: { field: 'guestWriters' },
	});
}

/** As it would be for any machine: to see whether it can be understood. */
export const sampleGuestWriter = (spec: string): string => guestWriterAt(spec, 'host/machine', '127.0.0.1');

/** The writer for one machine (`HOST/NAME`). The key of its ssh server is known under its name, since addresses change. */
function guestWriterAt(spec: string, machine: string, address: string): string {
	if (spec.startsWith('agent:')) return withOption(spec, 'machine', machine);
	const [, user = '', port = String(sshPort), rest = ''] = sshInGuest.exec(spec) ?? [];
	const { name } = parseMachinePath(machine);
	const at = `ssh:${user}@${address.includes(':') ? `[${address}]` : address}:${port}${rest}`;
	return /^\w[\w.-]{0,254}$/.test(name) ? withOption(at, 'alias', name) : at;
}

/** @param addresses of the guest @throws `usage.invalid`, `snapshot.writer` where the guest is not reached, what `addresses` throws, the signal's reason */
export async function guestWriterOf(
	spec: string,
	machine: string,
	{ addresses, signal }: { readonly addresses: () => Promise<readonly string[]>; readonly signal: AbortSignal },
): Promise<string> {
	refuseOtherGuestWriter(spec);
	if (spec.startsWith('agent:')) return guestWriterAt(spec, machine, '');
	const known = await addresses();
	const port = Number(sshInGuest.exec(spec)?.[2] ?? sshPort);
	for (const address of known) if (await answers(address, port, signal)) return guestWriterAt(spec, machine, address);
	const where = known.length === 0 ? 'nobody knows an address of it' : `nothing answers on port ${port} of ${known.join(', ')}`;
	throw new EngineError('snapshot.writer', `The guest of ${machine} is not reached by ssh: ${where}.`, {
		hint: 'Check the network between this machine and the guest, or have the guest agent run the script (agent:/path).',
	});
}

async function answers(host: string, port: number, signal: AbortSignal): Promise<boolean> {
	const socket = connect({ host, port });
	socket.on('error', () => undefined); // it does not answer
	try {
		await once(socket, 'connect', { signal: AbortSignal.any([signal, AbortSignal.timeout(connectMs)]) });
		return true;
	} catch {
		signal.throwIfAborted();
		return false;
	} finally {
		socket.destroy();
	}
}
