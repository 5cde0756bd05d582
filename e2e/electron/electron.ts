/** The stand-in as `import … from 'electron'` sees it. What the desktop does not use is not here; a new use fails at once with its name. */
export { app } from './app.ts';
export { ipcMain } from './messages.ts';
export { dialog, Menu, nativeImage, nativeTheme, powerMonitor, protocol, screen, session, shell, Tray } from './surroundings.ts';
export { BrowserWindow } from './window.ts';

import { obeyTest } from './remote-control.ts';

obeyTest(() => import('./electron.ts'));
