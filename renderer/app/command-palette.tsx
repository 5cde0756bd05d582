import { createSpotlight, Spotlight, type SpotlightActionData, type SpotlightActionGroupData, useSpotlight } from '@mantine/spotlight';
import { IconSearch } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './command-palette.module.css';
import { usePaletteGroups } from './use-palette-groups.tsx';

const [store, palette] = createSpotlight();
export const openPalette = (): void => palette.open();

const shownAtMost = 14;

/** What is searched in, made once for each action: there may be tens of thousands. */
const texts = new WeakMap<SpotlightActionData, string>();
function textOf(action: SpotlightActionData): string {
	const known = texts.get(action);
	if (known !== undefined) return known;
	const text = `${action.label ?? ''} ${action.description ?? ''}`.toLowerCase();
	texts.set(action, text);
	return text;
}

const byWords = (query: string, groups: readonly (SpotlightActionData | SpotlightActionGroupData)[]): SpotlightActionGroupData[] => {
	const words = query.trim().toLowerCase().split(/\s+/);
	const matching = (actions: readonly SpotlightActionData[]): SpotlightActionData[] => {
		const found: SpotlightActionData[] = [];
		for (const action of actions) {
			if (found.length === shownAtMost) break; // no group shows more
			const text = textOf(action);
			if (words.every((word) => text.includes(word))) found.push(action);
		}
		return found;
	};
	return groups.flatMap((group) => ('actions' in group ? [{ ...group, actions: matching(group.actions) }] : [])).filter(({ actions }) => actions.length > 0);
};

/** The field holds the focus from the moment it exists, and gives it back to whoever had it. */
const takeFocus = (input: HTMLInputElement | null): (() => void) => {
	const before = document.activeElement;
	input?.focus();
	return () => {
		if (before instanceof HTMLElement) before.focus();
	};
};

/** Pages, jobs, protected objects, repositories and what can be done to them, found by a few letters. */
export function CommandPalette(): ReactNode {
	const { opened } = useSpotlight(store);
	const groups = usePaletteGroups(opened);
	return (
		<Spotlight
			store={store}
			actions={groups}
			shortcut="mod + K"
			limit={shownAtMost}
			scrollable
			maxHeight={420}
			radius={8}
			nothingFound="Nothing found"
			highlightQuery
			filter={byWords}
			searchProps={{
				ref: takeFocus,
				leftSection: <IconSearch size={17} />,
				placeholder: 'A page, a job, an object, or what to do',
			}}
			// It is there at once, so that the first letters typed are not lost.
			transitionProps={{ duration: 0 }}
			overlayProps={{ backgroundOpacity: 0.3, blur: 0 }}
			classNames={{ action: classes.action as string }}
		/>
	);
}
