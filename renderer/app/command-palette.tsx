import { createSpotlight, Spotlight, type SpotlightActionData, type SpotlightActionGroupData, useSpotlight } from '@mantine/spotlight';
import { IconSearch } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './command-palette.module.css';
import { usePaletteGroups } from './use-palette-groups.tsx';

const [store, palette] = createSpotlight();
export const openPalette = (): void => palette.open();

const byWords = (query: string, groups: readonly (SpotlightActionData | SpotlightActionGroupData)[]): SpotlightActionGroupData[] => {
	const words = query.trim().toLowerCase().split(/\s+/);
	const matches = ({ label = '', description = '' }: SpotlightActionData): boolean => {
		const text = `${label} ${description}`.toLowerCase();
		return words.every((word) => text.includes(word));
	};
	return groups
		.flatMap((group) => ('actions' in group ? [{ ...group, actions: group.actions.filter(matches) }] : []))
		.filter(({ actions }) => actions.length > 0);
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
			limit={14}
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
