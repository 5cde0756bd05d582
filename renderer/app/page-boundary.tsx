import { Component, type ReactNode } from 'react';
import { ErrorPanel, type Failure } from '../ui/index.ts';

/** A defect in one page must not take the frame along. */
export class PageBoundary extends Component<{ readonly children: ReactNode }, { failure: Failure | null }> {
	override state: { failure: Failure | null } = { failure: null };

	static getDerivedStateFromError(error: unknown): { failure: Failure } {
		const { message, stack } = error instanceof Error ? error : new Error(String(error));
		return { failure: { code: 'internal', message, hint: 'This is a defect in the console. Your backups are not affected.', data: { stack } } };
	}

	override render(): ReactNode {
		if (!this.state.failure) return this.props.children;
		return (
			<div style={{ padding: 20 }}>
				<ErrorPanel title="This page cannot be shown" failure={this.state.failure} onRetry={() => this.setState({ failure: null })} />
			</div>
		);
	}
}
