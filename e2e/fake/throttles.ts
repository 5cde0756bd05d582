import { EngineError } from '../../engine/base/index.ts';
import { type EngineApi, isInWindow, type ThrottleRule, type ThrottleSettings, wallTimeOf } from '../../engine/contract/index.ts';
import type { Scenario } from './site.ts';

const office: ThrottleSettings['windows'] = [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], fromMinute: 480, toMinute: 1080 }];
const rule = (name: string, from: string, to: string, more: Partial<ThrottleSettings> = {}): ThrottleSettings => ({
	name,
	from,
	to,
	bytesPerSec: 5_000_000,
	windows: [],
	enabled: true,
	...more,
});

const settingsOf = (scenario: Scenario): ThrottleSettings[] => {
	if (scenario === 'empty') return [];
	const usual = [
		rule('Branch offices', '10.0.0.0/16', '10.8.0.1-10.8.0.254', { windows: office }),
		rule('Second data centre', '10.0.0.0/16', '172.20.0.0/16', { bytesPerSec: 125_000_000 }),
		rule('Nights are free', '192.168.10.0/24', '192.168.20.0/24', {
			bytesPerSec: 12_500_000,
			windows: [
				{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], fromMinute: 360, toMinute: 1320 },
				{ days: ['sat'], fromMinute: 480, toMinute: 840 },
			],
		}),
		rule('Old line', '10.0.0.7', '198.51.100.0/24', { bytesPerSec: 750_000, enabled: false }),
		rule('Cloud gateway', 'fd00:10::/32', '2001:db8:40::-2001:db8:40:ffff:ffff:ffff:ffff:ffff', { bytesPerSec: 40_000_000 }),
	];
	if (scenario !== 'crowded') return usual;
	return Array.from({ length: 400 }, (_, i) =>
		rule(`Site ${String(i + 1).padStart(3, '0')}`, '10.0.0.0/16', `10.${100 + Math.floor(i / 200)}.${i % 200}.0/24`, i % 3 === 0 ? { windows: office } : {}),
	);
};

/** Rules that hold nothing: for screens. */
export function createFakeThrottles(scenario: Scenario, emit: () => void): EngineApi['throttles'] {
	const rules = new Map<string, Pick<ThrottleRule, 'id' | 'revision' | 'settings'>>();
	const describe = ({ id, revision, settings }: Pick<ThrottleRule, 'id' | 'revision' | 'settings'>): ThrottleRule => {
		const now = wallTimeOf(Date.now());
		const isActive = settings.enabled && (settings.windows.length === 0 || settings.windows.some((window) => isInWindow(window, now)));
		return { id, revision, settings, isActive, transferCount: isActive && settings.bytesPerSec > 100_000_000 ? 2 : 0 };
	};
	const put = (id: string, revision: number, settings: ThrottleSettings): ThrottleRule => {
		const taken = [...rules.values()].find((other) => other.id !== id && other.settings.name.toLowerCase() === settings.name.toLowerCase());
		if (taken)
			throw new EngineError('exists.name', `A throttling rule named “${taken.settings.name}” exists already.`, {
				hint: 'Choose another name.',
				data: { field: 'name', id: taken.id },
			});
		rules.set(id, { id, revision, settings });
		emit();
		return describe({ id, revision, settings });
	};
	for (const [i, settings] of settingsOf(scenario).entries()) rules.set(`rule-${i}`, { id: `rule-${i}`, revision: 1, settings });
	return {
		list: async () => [...rules.values()].map(describe),
		add: async (settings) => put(`rule-${Date.now()}`, 1, settings),
		update: async ({ id, revision, settings }) => put(id, revision + 1, settings),
		async remove({ id }) {
			rules.delete(id);
			emit();
		},
	};
}
