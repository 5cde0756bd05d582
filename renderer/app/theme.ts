import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

/** One accent: a calm blue. Everything else is grey, except what has a state. */
const harbour: MantineColorsTuple = ['#eef4fe', '#dbe6fa', '#b6cbf2', '#8eaee9', '#6c95e2', '#5785de', '#3f6fd1', '#2f5fc0', '#284fa0', '#1f4186'];
const slate: MantineColorsTuple = ['#f6f7f9', '#eef0f3', '#e1e4e9', '#ccd1d9', '#a9b0bb', '#868e9b', '#66707e', '#4c5563', '#343b46', '#1f242c'];
const night: MantineColorsTuple = ['#e3e6eb', '#b9bfc9', '#8d95a2', '#66707e', '#3c434e', '#2e343d', '#22272e', '#1a1e24', '#15181d', '#101317'];

const alarm: MantineColorsTuple = ['#fdf3f2', '#fae1df', '#f0bfbc', '#e69b96', '#de7b75', '#d75f58', '#d14a45', '#b93030', '#a32727', '#8a1f1f'];
const calm: MantineColorsTuple = ['#eef8f2', '#d8eee1', '#aedcc2', '#82c9a1', '#5cb985', '#45ae74', '#379e66', '#2a8a57', '#237649', '#1b5f3a'];

export const theme = createTheme({
	primaryColor: 'harbour',
	primaryShade: { light: 7, dark: 6 },
	colors: { harbour, gray: slate, dark: night, red: alarm, green: calm },
	fontFamily: '"Segoe UI Variable Text", "Segoe UI", -apple-system, BlinkMacSystemFont, Inter, "Noto Sans", "Liberation Sans", sans-serif',
	fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, "DejaVu Sans Mono", "Liberation Mono", monospace',
	fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '15px', xl: '17px' },
	defaultRadius: 5,
	respectReducedMotion: true,
	cursorType: 'pointer',
	components: {
		Button: { defaultProps: { size: 'xs' }, styles: { root: { fontSize: 13, fontWeight: 500 } } },
		Input: { styles: { input: { fontSize: 13 } } },
		InlineInput: { styles: { label: { fontSize: 13 } } },
		TextInput: { defaultProps: { size: 'xs' } },
		PasswordInput: { defaultProps: { size: 'xs' } },
		TimeInput: { defaultProps: { size: 'xs' } },
		Textarea: { defaultProps: { size: 'xs' } },
		NumberInput: { defaultProps: { size: 'xs' } },
		Select: { defaultProps: { size: 'xs', comboboxProps: { shadow: 'md' } } },
		MultiSelect: { defaultProps: { size: 'xs' }, styles: { input: { paddingBlock: 0 }, pillsList: { minHeight: 28 } } },
		TagsInput: { defaultProps: { size: 'xs' } },
		Checkbox: { defaultProps: { size: 'xs' } },
		Radio: { defaultProps: { size: 'xs' } },
		Switch: { defaultProps: { size: 'xs' } },
		SegmentedControl: { defaultProps: { size: 'xs' }, styles: { label: { paddingInline: 12, fontWeight: 500 } } },
		InputWrapper: { styles: { label: { fontSize: 13, fontWeight: 500, marginBottom: 3 }, description: { fontSize: 12 }, error: { fontSize: 12 } } },
		Modal: { defaultProps: { radius: 8, overlayProps: { backgroundOpacity: 0.35 } }, styles: { title: { fontSize: 15, fontWeight: 600 } } },
		Tooltip: { defaultProps: { openDelay: 350, withArrow: false }, styles: { tooltip: { fontSize: 12 } } },
		Menu: { defaultProps: { shadow: 'md' }, styles: { item: { fontSize: 13 } } },
	},
});

/** Mantine's own surfaces follow the console's colours, which stand in theme.css. */
export const variables: CSSVariablesResolver = () => {
	const both = {
		'--mantine-color-body': 'var(--hf-bg)',
		'--mantine-color-text': 'var(--hf-text)',
		'--mantine-color-dimmed': 'var(--hf-dim)',
		'--mantine-color-placeholder': 'var(--hf-faint)',
		'--mantine-color-default': 'var(--hf-control)',
		'--mantine-color-default-hover': 'var(--hf-control-hover)',
		'--mantine-color-default-border': 'var(--hf-control-line)',
		'--mantine-color-error': 'var(--hf-bad-text)',
	};
	return { variables: { '--mantine-line-height': '1.45' }, light: both, dark: both };
};
