import type { ApiApp } from './api-context.js';

const TITLE = 'Treadle task API';

/** The API in OpenAPI 3.1, made of the schemas that requests are checked by. */
export function openApiDocument(app: ApiApp): object {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: TITLE,
      version: '1',
      description:
        'Heavy tasks on worker threads. Answers are `{"status":"ok","result":…}` or `{"status":"error","error":{…}}`.',
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    security: [{ bearer: [] }, { apiKey: [] }, {}],
    tags: [
      { name: 'tasks', description: 'Submitting, following and cancelling tasks.' },
      { name: 'operations', description: 'What one needs while something is wrong.' },
    ],
  });
}

/** Says how callers may tell who they are. */
export function addSecuritySchemes({ openAPIRegistry }: ApiApp): void {
  openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  openAPIRegistry.registerComponent('securitySchemes', 'apiKey', { type: 'apiKey', in: 'header', name: 'X-API-Key' });
}
