import { hostname } from 'node:os';
import type { TLSSocket } from 'node:tls';
import { type Clock, EngineError, isEngineError, type Log, newId, toErrorShape } from '../base/index.ts';
import type { Entity, MachineState, MachineStore, StoredAuthority } from '../config/index.ts';
import type { EngineEvent, HostSettings, Machine, MachineAddress, MachineSettings, PairingOffer, PlaceList, SourceSpec } from '../contract/index.ts';
import type { Medium } from '../platform/index.ts';
import type { HoldOptions } from '../repository/index.ts';
import type { TargetFacts } from '../restore/index.ts';
import type { Volumes } from '../snapshot/index.ts';
import type { HypervisorControl } from '../source/index.ts';
import { createAuthority, fingerprintOf, type Identity, isRenewalDue, issue, issueFor, peerIdOf } from './certificates.ts';
import { alpn, type ControlAnswer, type ControlQuestion, controlAnswers, done, maxTargets, pairingAnswer } from './control-words.ts';
import { hostThrough } from './host-questions.ts';
import type { SourceFacts } from './look-at-source.ts';
import { openLink } from './machine-link.ts';
import { formatPairingToken, isPairingProof, newPairingToken, type PairingToken, pairingChannel, pairingProof, parsePairingToken } from './pairing-token.ts';

export type MachinesOptions = {
	readonly store: MachineStore;
	readonly clock: Clock;
	readonly bus: { emit(event: EngineEvent): void };
	readonly log: Log;
	readonly product: string;
	/** For tests. */
	readonly version?: number | undefined;
};

/** `complete` false: it is more. */
type Measured = { readonly bytes: number; readonly items: number; readonly complete: boolean };

type Asking = { readonly signal?: AbortSignal | undefined };

/** Managed machines as the backup server sees them. Their settings are in its database; they hold nothing but their certificate. */
export interface Machines {
	list(): Promise<Machine[]>;
	get(id: string): Promise<Machine>;
	offerPairing(): Promise<PairingOffer>;
	add(settings: MachineSettings, token: string, options: Asking): Promise<Machine>;
	update(id: string, revision: number, settings: MachineSettings): Promise<Machine>;
	remove(id: string, revision: number): Promise<{ isTold: boolean }>;
	rescan(id: string, options: Asking): Promise<Machine>;
	places(id: string, path: string | null, options: Asking): Promise<PlaceList>;
	/** What stands there where a source is said to be. `connection.*`, `auth.*` */
	lookAtSource(id: string, source: SourceSpec, options: Asking): Promise<SourceFacts>;
	/** Adds up a source there, for so long at most. `source.*`, `connection.*`, `auth.*` */
	measure(id: string, source: SourceSpec, options: Asking & { readonly deadlineMs: number }): Promise<Measured>;
	/** Which of these addresses its data mover can connect to, in their order. `connection.*`, `auth.*` */
	reach(id: string, addresses: readonly MachineAddress[], options: Asking): Promise<readonly boolean[]>;
	/** Has its data mover try a folder out, and hold it as a repository from then on. `usage.*`, `repository.*`, `connection.*` */
	hold(id: string, path: string, options?: HoldOptions): Promise<{ medium: Medium }>;
	/** What a folder there lies on. `connection.*`, `auth.*` */
	mediumOf(id: string, path: string, options: Asking): Promise<Medium>;
	letGo(id: string, path: string): Promise<void>;
	/** A hypervisor host that is asked by its data mover. Calls also fail with `not-found.machine`, `connection.*`, `auth.*`. */
	hostOn(id: string, host: Pick<HostSettings, 'type' | 'uri'>): HypervisorControl;
	/** Its volumes, which are looked at whenever they are asked for. Calls also fail with `not-found.machine`, `connection.*`, `auth.*`. */
	volumesOn(id: string): Volumes;
	/** What stands at these paths there, in their order; null: nothing. `restore.target`, `connection.*`, `auth.*` */
	lookAtTargets(id: string, paths: readonly string[], options: Asking): Promise<readonly (TargetFacts | null)[]>;
	/** What a connection for data to this machine needs: mutual TLS 1.3, the other side known by `peerId`. */
	dataAddress(id: string): Promise<DataAddress>;
}

export type DataAddress = {
	readonly name: string;
	readonly host: string;
	readonly port: number;
	readonly certificate: string;
	readonly key: string;
	readonly authority: string;
	readonly peerId: string;
};

export const pairingMs = 3_600_000;

export function createMachines({ store, clock, bus, log, product, version }: MachinesOptions): Machines {
	let own: Promise<{ authority: StoredAuthority; identity: Identity }> | undefined;

	/** What this installation presents. Its own certificate is made anew by every engine; the authority stays. */
	async function presented(): Promise<{ authority: StoredAuthority; identity: Identity }> {
		const current = await own?.catch(() => undefined); // the next one may get further
		if (current && !isRenewalDue(current.identity.certificate, clock.now())) return current;
		own = (async () => {
			const authority = (await store.authority()) ?? (await beginAuthority());
			return { authority, identity: await issue(authority, authority.id, clock.now()) };
		})();
		return own;
	}

	async function beginAuthority(): Promise<StoredAuthority> {
		const id = newId(clock.now());
		const authority = { id, ...(await createAuthority(id, clock.now())) };
		await store.putAuthority(authority);
		return authority;
	}

	const changed = (id: string): void => bus.emit({ kind: 'machine', id });

	const toMachine = ({ id, revision, settings }: Entity<MachineSettings>, state: MachineState | undefined): Machine => ({
		id,
		revision,
		settings,
		state: state?.seenAt != null && state.problem === null ? 'online' : 'offline',
		problem: state?.problem ?? null,
		seenAt: state?.seenAt ?? null,
		status: state?.status ?? null,
	});

	async function get(id: string): Promise<Machine> {
		return toMachine(await store.machines.get(id), (await store.states()).get(id));
	}

	type Target = { readonly id: string; readonly settings: Pick<MachineSettings, 'name' | 'address'> };

	/** A connection of its own, and the certificate that the machine showed on it. */
	async function connect({ id, settings }: Target, { signal }: Asking, { acceptsExpired }: { readonly acceptsExpired: boolean }) {
		const { authority, identity } = await presented();
		let certificate = '';
		const channel = await openLink({
			...settings,
			identity,
			purpose: alpn.control,
			product,
			version,
			signal,
			check(socket) {
				certificate = checkPeer(socket, settings.name, id, { authority: authority.certificate, now: clock.now(), acceptsExpired });
			},
		});
		return { channel, certificate };
	}

	/** An expired certificate is accepted for its renewal and for nothing else. */
	async function ask<Ask extends ControlQuestion['ask']>(
		target: Target,
		question: Extract<ControlQuestion, { ask: Ask }>,
		asking: Asking,
	): Promise<{ answer: ControlAnswer<Ask>; certificate: string }> {
		const { channel, certificate } = await connect(target, asking, { acceptsExpired: question.ask === 'renew' });
		using _channel = channel;
		channel.send(question);
		const schema = controlAnswers[question.ask as Ask];
		const { answer } = (await channel.receive<{ answer: unknown }>(schema)) as { answer: ControlAnswer<Ask> };
		return { answer, certificate };
	}

	async function renew(machine: Target, certificate: string, options: Asking): Promise<void> {
		const { authority } = await presented();
		await ask(machine, { ask: 'renew', certificate: await issueFor(authority, machine.id, certificate, clock.now()) }, options);
		log.info({ machineId: machine.id }, 'The certificate of a machine was renewed.');
	}

	/** Renewing begins with looking at the certificate that the machine has: it shows it whatever it is asked. */
	async function presentedBy(target: Target, asking: Asking): Promise<string> {
		const { channel, certificate } = await connect(target, asking, { acceptsExpired: true });
		using _channel = channel;
		return certificate;
	}

	async function rescan(id: string, options: Asking): Promise<Machine> {
		const machine = await store.machines.get(id);
		const before = (await store.states()).get(id);
		try {
			const certificate = await presentedBy(machine, options);
			if (isRenewalDue(certificate, clock.now())) await renew(machine, certificate, options);
			const { answer: status } = await ask(machine, { ask: 'status' }, options);
			await store.putState(id, { seenAt: clock.now(), status, problem: null });
		} catch (error) {
			options.signal?.throwIfAborted();
			if (!isEngineError(error)) throw error;
			await store.putState(id, { seenAt: before?.seenAt ?? null, status: before?.status ?? null, problem: toErrorShape(error) });
		}
		changed(id);
		return get(id);
	}

	async function refuseTakenName(name: string): Promise<void> {
		const other = await store.machines.findByName(name);
		if (other)
			throw new EngineError('exists.name', `A machine named “${other.settings.name}” exists already.`, {
				hint: 'Choose another name.',
				data: { field: 'name', id: other.id },
			});
	}

	async function refuseTakenAddress({ host, port }: MachineSettings['address'], ownId: string | null): Promise<void> {
		const other = (await store.machines.list()).find(
			({ id, settings: { address } }) => id !== ownId && address.port === port && address.host.toLowerCase() === host.toLowerCase(),
		);
		if (other)
			throw new EngineError('usage.conflict', `${host}:${port} is the machine “${other.settings.name}” already.`, {
				hint: 'Use that one, or remove it first.',
				data: { field: 'address', id: other.id },
			});
	}

	/** Lets the data mover that waits with this token belong to this backup server, under `id`. */
	async function pair(token: PairingToken, { id, settings }: Entity<MachineSettings>, { signal }: Asking): Promise<void> {
		const { authority, identity } = await presented();
		using channel = await openLink({ ...settings, identity, purpose: alpn.pairing, product, version, signal, check: () => undefined });
		const keying = pairingChannel(channel.socket);
		channel.send({ tokenId: token.id, authority: authority.certificate, serverName: hostname(), proof: pairingProof(token.secret, 'server', keying) });
		const { proof } = await channel.receive(pairingAnswer);
		if (!isPairingProof(proof, token.secret, 'mover', keying))
			throw new EngineError('auth.refused', `What answers at ${settings.address.host}:${settings.address.port} does not know the token.`, {
				hint: 'Start the data mover with this token. If you did, somebody is in between: look at the network.',
			});
		refuseClaim(await store.takeToken(token));
		const certificate = channel.socket.getPeerX509Certificate();
		if (certificate === undefined) throw new EngineError('auth.refused', 'The data mover presents no certificate.');
		channel.send({ id, certificate: await issueFor(authority, id, certificate.toString(), clock.now()) });
		await channel.receive(done);
	}

	return {
		async list() {
			const states = await store.states();
			return (await store.machines.list()).map((machine) => toMachine(machine, states.get(machine.id)));
		},
		get,
		async offerPairing() {
			const { authority } = await presented();
			const token = newPairingToken(fingerprintOf(authority.certificate), clock.now() + pairingMs);
			await store.addToken(token);
			return { token: formatPairingToken(token), expiresAt: token.expiresAt };
		},
		async add(settings, text, options) {
			const token = parsePairingToken(text);
			await refuseTakenName(settings.name);
			await refuseTakenAddress(settings.address, null);
			const { authority } = await presented();
			if (token.fingerprint !== fingerprintOf(authority.certificate))
				throw new EngineError('auth.refused', 'The token was made by another backup server.', {
					hint: 'Print one here with "holdfast machine token", and start the data mover with it.',
					data: { field: 'token' },
				});
			refuseClaim(await store.lookAtToken(token));
			// it has its place before it gets its certificate: a machine that belongs to us is never one that we do not know
			const machine = await store.machines.insert(settings);
			try {
				await pair(token, machine, options);
				const { answer: status } = await ask(machine, { ask: 'status' }, options);
				await store.putState(machine.id, { seenAt: clock.now(), status, problem: null });
			} catch (error) {
				await store.machines.remove(machine.id, machine.revision);
				throw error;
			}
			changed(machine.id);
			return get(machine.id);
		},
		async update(id, revision, settings) {
			await refuseTakenAddress(settings.address, id);
			try {
				await store.machines.update(id, revision, settings);
			} catch (error) {
				if (!isEngineError(error, 'stale.revision')) throw error;
				throw new EngineError(error.code, error.message, { hint: error.hint, data: { current: await get(id) }, cause: error });
			}
			changed(id);
			return get(id);
		},
		async remove(id, revision) {
			const machine = await store.machines.get(id);
			await store.machines.remove(id, revision);
			const isTold = await ask(machine, { ask: 'forget' }, {}).then(
				() => true,
				(error: unknown) => {
					log.warn({ machineId: id, error: toErrorShape(error) }, 'A machine was removed that could not be told.');
					return false;
				},
			);
			changed(id);
			return { isTold };
		},
		rescan,
		async places(id, path, options) {
			return (await ask(await store.machines.get(id), { ask: 'places', path }, options)).answer;
		},
		async lookAtSource(id, source, options) {
			return (await ask(await store.machines.get(id), { ask: 'source', source }, options)).answer;
		},
		async measure(id, source, { deadlineMs, signal }) {
			return (await ask(await store.machines.get(id), { ask: 'measure', source, deadlineMs }, { signal })).answer;
		},
		async reach(id, addresses, options) {
			const { answer } = await ask(await store.machines.get(id), { ask: 'reach', addresses: [...addresses] }, options);
			return addresses.map((_, i) => answer.reached[i] ?? false);
		},
		async hold(id, path, { isThere = false } = {}) {
			return (await ask(await store.machines.get(id), { ask: 'hold', path, isThere }, {})).answer;
		},
		async mediumOf(id, path, options) {
			return (await ask(await store.machines.get(id), { ask: 'medium', path }, options)).answer.medium;
		},
		async letGo(id, path) {
			await ask(await store.machines.get(id), { ask: 'letGo', path }, {});
		},
		hostOn: (id, host) => hostThrough(async (question, options) => (await ask(await store.machines.get(id), question, options)).answer, host),
		volumesOn(id) {
			const rescan = async () => (await ask(await store.machines.get(id), { ask: 'volumes' }, {})).answer.volumes;
			return {
				volumes: rescan,
				rescan,
				change: async (change) => (await ask(await store.machines.get(id), { ask: 'changeVolume', change }, {})).answer.volume,
			};
		},
		async lookAtTargets(id, paths, options) {
			const machine = await store.machines.get(id);
			const found: (TargetFacts | null)[] = [];
			for (let from = 0; from < paths.length; from += maxTargets) {
				const asked = paths.slice(from, from + maxTargets);
				const { answer } = await ask(machine, { ask: 'targets', paths: asked }, options);
				found.push(...asked.map((_, i) => answer.targets[i] ?? null));
			}
			return found;
		},
		async dataAddress(id) {
			const { settings } = await store.machines.get(id);
			const { authority, identity } = await presented();
			return { name: settings.name, ...settings.address, ...identity, authority: authority.certificate, peerId: id };
		},
	};
}

function refuseClaim(claim: Awaited<ReturnType<MachineStore['takeToken']>>): void {
	if (claim === 'taken') return;
	const why = {
		unknown: 'The token is not one of this backup server.',
		used: 'The token was used already: it is good for one machine.',
		expired: 'The token has expired.',
	}[claim];
	throw new EngineError('auth.refused', why, {
		hint: 'Print a new one with "holdfast machine token", and start the data mover with it.',
		data: { field: 'token' },
	});
}

/** @returns its certificate. `auth.refused` when it is not the machine that is meant. */
function checkPeer(socket: TLSSocket, name: string, id: string, check: Parameters<typeof peerIdOf>[1]): string {
	const certificate = socket.getPeerX509Certificate();
	const peerId = peerIdOf(certificate, check);
	if (peerId !== id || certificate === undefined)
		throw new EngineError('auth.refused', `What answers for ${name} is another machine of this backup server.`, {
			hint: 'Correct the address of the machine.',
		});
	return certificate.toString();
}

/** Once an hour everything is asked how it is: certificates are renewed in time, and what went away is shown. */
export function watchMachines({ machines, clock, log }: { readonly machines: Machines; readonly clock: Clock; readonly log: Log }): AsyncDisposable {
	const stop = new AbortController();
	const work = (async () => {
		while (!stop.signal.aborted) {
			try {
				for (const { id } of await machines.list()) await machines.rescan(id, { signal: stop.signal });
			} catch (error) {
				if (!stop.signal.aborted && !isEngineError(error, 'not-found.machine')) log.error({ err: error }, 'The machines could not be asked how they are.');
			}
			await clock.sleep(watchMs, { signal: stop.signal }).catch(() => undefined); // The engine closes.
		}
	})();
	return {
		async [Symbol.asyncDispose]() {
			stop.abort();
			await work;
		},
	};
}

const watchMs = 3_600_000;
