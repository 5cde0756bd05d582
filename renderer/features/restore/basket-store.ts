import { useMemo } from 'react';
import { create } from 'zustand';
import { type Basket, drop, emptyBasket, type Picked, pick, toggle } from './basket.ts';

/** Selections live as long as the window, one per protected object: another folder or another point of the object does not lose them. */
type Store = {
	readonly baskets: Readonly<Record<string, Basket>>;
	readonly change: (objectKey: string, change: (basket: Basket) => Basket) => void;
};

const useStore = create<Store>((set) => ({
	baskets: {},
	change: (key, change) => set(({ baskets }) => ({ baskets: { ...baskets, [key]: change(baskets[key] ?? emptyBasket) } })),
}));

export type BasketActions = {
	readonly basket: Basket;
	readonly toggle: (entry: Picked) => void;
	readonly pick: (entries: readonly Picked[]) => void;
	readonly drop: (paths: readonly string[]) => void;
	readonly clear: () => void;
};

export function useBasket(objectKey: string): BasketActions {
	const basket = useStore((state) => state.baskets[objectKey] ?? emptyBasket);
	const change = useStore((state) => state.change);
	// Rows are drawn anew only when what they get has changed; so the actions stay the same from one drawing to the next.
	const actions = useMemo(
		() => ({
			toggle: (entry: Picked) => change(objectKey, (old) => toggle(old, entry)),
			pick: (entries: readonly Picked[]) => change(objectKey, (old) => pick(old, entries)),
			drop: (paths: readonly string[]) => change(objectKey, (old) => drop(old, paths)),
			clear: () => change(objectKey, () => emptyBasket),
		}),
		[objectKey, change],
	);
	return { basket, ...actions };
}
