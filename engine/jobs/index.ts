/**
 * Jobs: sessions and their life, the backup use case, the timetable, retention, and what follows from all of it.
 *
 * Guarantees: one backup session per job at a time; a repository works on no more tasks than it allows; an occurrence of a schedule runs at most
 * once; a failed object does not stop the others; retention never takes the last restorable points; every session is written down before it works.
 * Does not: move data (that is behind `DataPlane`), read repositories (`ChainStore`), or know who asks.
 */
export { type AttentionFacts, planAttention } from './attention.ts';
export { type BackupParts, severalReaders, usedBytes } from './backup.ts';
export { bringBackMachine, type MachineRestoration, type RestoreImages } from './bring-back-machine.ts';
export { type Catalogue, type CatalogueView, createCatalogue } from './catalogue.ts';
export { type ForecastRules, type ForecastStep, forecastRuns } from './chain-forecast.ts';
export { describeHealth, sliceCountOf } from './chain-health.ts';
export { type ChainSeat, type ChainUse, createChainUse } from './chain-use.ts';
export { startCheckScheduler } from './check-scheduler.ts';
export { createEventBus, type EventBus } from './events.ts';
export { type AskedAdHoc, type AskedFull, refuseConflicts } from './full-or-increment.ts';
export { planFullAt } from './growth.ts';
export { createHealthSessions, type HealthInput, type HealthSessions } from './health-sessions.ts';
export { HEAT_MAP_DAYS, planHeatMap } from './heat-map.ts';
export { importChains } from './import-chains.ts';
export { createJobRunner, type JobRunner, type RunWish } from './job-runner.ts';
export { createKeys, HeldKeys, type Keys, keyIdFor } from './keys.ts';
export { createLimits, type Limits } from './limits.ts';
export type { LiveSession } from './live-session.ts';
export { createMaintenanceSessions, type MaintenanceInput, type MaintenanceSessions } from './maintenance-sessions.ts';
export { mapChain, planMapping } from './map-chain.ts';
export { type Outlook, planOutlook } from './outlook.ts';
export type {
	BackupRun,
	ChainRecord,
	ChainStore,
	DataPlane,
	JobMachines,
	ObjectOutcome,
	OffHost,
	OffHostSession,
	OffHostWish,
	PointRecord,
	ReadingMachine,
	RunOptions,
	TaskObserver,
} from './ports.ts';
export { planProtection } from './protection.ts';
export { createReadingSessions, type ReadingInput, type ReadingSessions } from './reading-sessions.ts';
export { type ChainRemoval, removeChainByHand } from './remove-chain.ts';
export { createMachineRestores, type MachineHosts, type MachineRestores } from './restore-machine.ts';
export { type LocatedChain, type PointContext, resolvePoint, toChains, toPoint } from './restore-points.ts';
export { currentChainIds, planRetention, type RetentionChain } from './retention.ts';
export { nextOccurrences, type Occurrences, parseSchedule } from './schedule.ts';
export { type Scheduler, startScheduler } from './scheduler.ts';
export { createSessions, type Sessions } from './sessions.ts';
export { createTaskSlots, type TaskSlots } from './slots.ts';
export { sourceKey, sourceName } from './source-key.ts';
export type { JobSnapshots } from './source-reading.ts';
export { LEAST_FREE_BYTES } from './space-check.ts';
export { expectedDurationMs, findOverlaps, planUpcoming } from './upcoming.ts';
