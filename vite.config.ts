import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const engine = process.env.HOLDFAST_DEV_SERVER ?? 'http://127.0.0.1:8743';

export default defineConfig({
	root: 'renderer',
	// The same files are served by the backup server and loaded by the desktop window: every address is relative.
	base: './',
	plugins: [react()],
	build: {
		outDir: '../dist/renderer',
		emptyOutDir: true,
		target: 'chrome130',
		sourcemap: true,
		assetsInlineLimit: 0,
		chunkSizeWarningLimit: 1500,
		rolldownOptions: {
			// The contract is declarations; taking a schema from it must not bring the router's server code along.
			treeshake: { moduleSideEffects: (id) => !id.includes('/engine/contract/') },
		},
	},
	server: {
		host: '127.0.0.1',
		port: 5173,
		proxy: { '/api': { target: engine, ws: true }, '/login': engine, '/download': engine },
	},
});
