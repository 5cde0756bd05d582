/** Draws the PNGs of this folder from the SVGs with Chromium: `node assets/render-icons.ts`. Run it after changing a drawing, and commit the result. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { launchChromium } from '../e2e/chromium.ts';

const folder = import.meta.dirname;
const trayLooks = { ok: '#2f9e44', warning: '#f08c00', error: '#e03131', running: '#228be6' } as const;

const icon = readFileSync(join(folder, 'icon.svg'), 'utf8');

/** The anchor alone, thicker for small sizes, in a grey that reads on light and dark bars, with a dot for the last result. */
const trayDrawing = (dot: string): string => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
	<g fill="none" stroke="#8f97a3" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">
		<circle cx="16" cy="5.5" r="3"/><path d="M16 9V28M10.5 14H21.5M4 18C4.5 24.5 10 28 16 28S27.500 24.500 28 18M1.800 21 4 17.500 7 20M30.200 21 28 17.500 25 20"/>
	</g>
	<circle cx="25" cy="25" r="6.5" fill="${dot}"/>
</svg>`;

const browser = await launchChromium();
const page = await browser.newPage();
const draw = async (svg: string, sizePx: number, path: string): Promise<void> => {
	await page.setViewportSize({ width: sizePx, height: sizePx });
	await page.setContent(`<style>html,body{margin:0;background:transparent}svg{display:block;width:${sizePx}px;height:${sizePx}px}</style>${svg}`);
	await page.screenshot({ path: join(folder, path), omitBackground: true });
};
await draw(icon, 1024, 'icon.png');
for (const [look, dot] of Object.entries(trayLooks)) {
	await draw(trayDrawing(dot), 16, `tray/${look}.png`);
	await draw(trayDrawing(dot), 32, `tray/${look}@2x.png`);
}
await browser.close();
