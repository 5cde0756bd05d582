/** What a backup server and its data movers say to each other: docs/movers.md has the conversation in prose. */
import { z } from 'zod';
import { EngineError } from '../base/index.ts';
import {
	errorShape,
	hostFacts,
	hostSettings,
	machineAddress,
	machineStatus,
	medium,
	placeList,
	size,
	sourceSpec,
	virtualMachine,
	volume,
	volumeChange,
} from '../contract/index.ts';

/** What a connection is for (RFC 7301). One without a name carries data. Names never change; what may change has a version in its greeting. */
export const alpn = { pairing: 'holdfast-pairing', control: 'holdfast-control', data: 'holdfast-data' } as const;

/** Grows with every change of what is said here. Both sides must have the same. */
export const controlVersion = 7;

const pem = z.string().max(16_384);
const proof = z.string().regex(/^[0-9a-f]{64}$/);
/** Passes any version: who does not have the same must be able to say so. */
export const greeting = z.object({ version: z.number().int().min(0), product: z.string().max(100) });
export type Greeting = z.infer<typeof greeting>;

export const pairingOffer = z.object({ tokenId: z.string().max(64), authority: pem, serverName: z.string().max(200), proof });
export const pairingAnswer = z.object({ proof });
export const pairingGift = z.object({ id: z.string().min(1).max(64), certificate: pem });
export const done = z.object({ done: z.literal(true) });

/** As it is reached from the machine that is asked. */
const host = hostSettings.pick({ type: true, uri: true });
const machineId = z.string().min(1).max(255);
const checkpointNames = z.array(z.string().max(1000)).max(10_000);
/** Of a hypervisor host: what `HypervisorControl` has. */
const hostQuestions = [
	z.object({ ask: z.literal('host'), host }),
	z.object({ ask: z.literal('hostMachines'), host, name: z.string().max(1000).nullable() }),
	z.object({ ask: z.literal('checkpoints'), host, machineId }),
	z.object({ ask: z.literal('dropCheckpoints'), host, machineId, names: checkpointNames }),
	z.object({ ask: z.literal('holdStill'), host, machineId, isHeld: z.boolean() }),
] as const;
/** Who asks falls silent meanwhile. */
const maxMeasureMs = 10_000;
/** Paths that are looked at with one question. */
export const maxTargets = 1000;

export const controlQuestion = z.discriminatedUnion('ask', [
	z.object({ ask: z.literal('status') }),
	z.object({ ask: z.literal('places'), path: z.string().max(32_768).nullable() }),
	z.object({ ask: z.literal('source'), source: sourceSpec }),
	z.object({ ask: z.literal('measure'), source: sourceSpec, deadlineMs: z.number().int().min(1).max(maxMeasureMs) }),
	/** As they are now. */
	z.object({ ask: z.literal('volumes') }),
	z.object({ ask: z.literal('changeVolume'), change: volumeChange }),
	z.object({ ask: z.literal('reach'), addresses: z.array(machineAddress).max(16) }),
	z.object({ ask: z.literal('targets'), paths: z.array(z.string().max(32_768)).max(maxTargets) }),
	...hostQuestions,
	/** `isThere`: it must be a repository already. */
	z.object({ ask: z.literal('hold'), path: z.string().max(4096), isThere: z.boolean().optional() }),
	z.object({ ask: z.literal('medium'), path: z.string().max(4096) }),
	z.object({ ask: z.literal('letGo'), path: z.string().max(4096) }),
	z.object({ ask: z.literal('renew'), certificate: pem }),
	z.object({ ask: z.literal('forget') }),
]);
export type ControlQuestion = z.infer<typeof controlQuestion>;

export const controlAnswers = {
	status: z.object({ answer: machineStatus }),
	places: z.object({ answer: placeList }),
	source: z.object({ answer: z.object({ problem: errorShape.nullable(), realPath: z.string().max(32_768).nullable() }) }),
	measure: z.object({ answer: z.object({ bytes: size, items: size, complete: z.boolean() }) }),
	volumes: z.object({ answer: z.object({ volumes: z.array(volume).max(10_000) }) }),
	changeVolume: z.object({ answer: z.object({ volume }) }),
	/** In the order of the addresses. */
	reach: z.object({ answer: z.object({ reached: z.array(z.boolean()).max(16) }) }),
	/** In the order of the paths. */
	targets: z.object({
		answer: z.object({
			targets: z.array(z.object({ identity: z.string().max(64), isFolder: z.boolean(), freeBytes: size.nullable() }).nullable()).max(maxTargets),
		}),
	}),
	host: z.object({ answer: hostFacts }),
	hostMachines: z.object({ answer: z.object({ machines: z.array(virtualMachine).max(100_000).readonly() }) }),
	checkpoints: z.object({ answer: z.object({ names: checkpointNames.readonly() }) }),
	dropCheckpoints: z.object({ answer: done }),
	holdStill: z.object({ answer: z.object({ count: z.number().int().nonnegative() }) }),
	hold: z.object({ answer: done.extend({ medium }) }),
	medium: z.object({ answer: z.object({ medium }) }),
	letGo: z.object({ answer: done }),
	renew: z.object({ answer: done }),
	forget: z.object({ answer: done }),
} as const;
export type ControlAnswer<Ask extends ControlQuestion['ask']> = z.infer<(typeof controlAnswers)[Ask]>['answer'];

/** `connection.refused` with which side to update. */
export function refuseOtherVersion(ours: Greeting, theirs: Greeting, peer: string): void {
	if (ours.version === theirs.version) return;
	const where = ours.version < theirs.version ? 'on this machine' : `on ${peer}`;
	throw new EngineError(
		'connection.refused',
		`${peer} has Holdfast ${theirs.product} (protocol ${theirs.version}), this machine has ${ours.product} (protocol ${ours.version}).`,
		{ hint: `Update Holdfast ${where}.`, data: { ours, theirs } },
	);
}
