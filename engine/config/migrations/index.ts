/** In order of their names. A migration that was released is never changed; the next one is added. */
import type { Migration } from 'kysely/migration';
import { first } from './0001-first.ts';
import { formerJobs } from './0002-former-jobs.ts';
import { encryptionKeys } from './0003-encryption-keys.ts';
import { health } from './0004-health.ts';
import { throttleRules } from './0005-throttle-rules.ts';
import { machines } from './0006-machines.ts';
import { hosts } from './0007-hosts.ts';
import { snapshots } from './0008-snapshots.ts';
import { devices } from './0009-devices.ts';
import { serverSettings } from './0010-server-settings.ts';

export const migrations: Readonly<Record<string, Migration>> = {
	'0001-first': first,
	'0002-former-jobs': formerJobs,
	'0003-encryption-keys': encryptionKeys,
	'0004-health': health,
	'0005-throttle-rules': throttleRules,
	'0006-machines': machines,
	'0007-hosts': hosts,
	'0008-snapshots': snapshots,
	'0009-devices': devices,
	'0010-server-settings': serverSettings,
};
