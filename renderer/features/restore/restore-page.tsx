import type { ReactNode } from 'react';
import type { PageProps } from '../../app/pages.tsx';
import { usePlace } from '../../app/router.tsx';
import { ObjectChooser } from './object-chooser.tsx';
import { NewestPoint, PointPage } from './point-page.tsx';
import { parsePlace } from './restore-places.ts';

export function RestorePage(_props: PageProps): ReactNode {
	const { path, query } = usePlace();
	const place = parsePlace(path, query);
	if (place.page === 'point') return <PointPage pointId={place.point} path={place.path} />;
	if (place.page === 'newest') return <NewestPoint object={place.object} jobId={place.jobId} />;
	return <ObjectChooser jobId={query.get('job')} />;
}
