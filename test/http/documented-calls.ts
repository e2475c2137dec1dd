import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'vitest';

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look at what is there
  readonly body: any;
}

interface OpenApi {
  readonly paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>
  >;
}

/** Calls of an API, each answer of which is checked against the API's own OpenAPI document. */
export class DocumentedCalls {
  /** What was answered in this file so far, `GET /tasks/{task_id} 404` for example. */
  static readonly seen: Set<string> = new Set();
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #document: OpenApi;
  readonly #ajv: Ajv2020;
  readonly #validators = new Map<string, ValidateFunction>();

  private constructor(base: string, headers: Readonly<Record<string, string>>, document: OpenApi) {
    this.#base = base;
    this.#headers = headers;
    this.#document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema({ $id: 'doc', ...document });
  }

  /** `base` is where the API is, base path included. */
  static async open(base: string, headers: Readonly<Record<string, string>> = {}): Promise<DocumentedCalls> {
    const response = await fetch(`${base}/openapi.json`, { headers });
    expect(response.status).toBe(200);
    return new DocumentedCalls(base, headers, (await response.json()) as OpenApi);
  }

  /** The same API, as somebody else calls it. */
  as(headers: Readonly<Record<string, string>>): DocumentedCalls {
    return new DocumentedCalls(this.#base, headers, this.#document);
  }

  /** What has the same document, elsewhere. */
  at(base: string): DocumentedCalls {
    return new DocumentedCalls(base, this.#headers, this.#document);
  }

  get document(): OpenApi {
    return this.#document;
  }

  /** Every answer that the document has: `GET /tasks/{task_id} 404` for example. */
  documented(): string[] {
    const { length } = new URL(this.#base).pathname;
    return Object.entries(this.#document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { responses }]) =>
        Object.keys(responses).map((status) => `${method.toUpperCase()} ${path.slice(length)} ${status}`),
      ),
    );
  }

  get(path: string): Promise<Answer> {
    return this.call('GET', path);
  }

  post(path: string, body?: unknown): Promise<Answer> {
    return this.call('POST', path, body);
  }

  delete(path: string): Promise<Answer> {
    return this.call('DELETE', path);
  }

  /** A body that is a string goes as it is. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...this.#headers, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    const answer = {
      status: response.status,
      headers: response.headers,
      body: type.includes('json') ? JSON.parse(text) : text,
    };
    this.#check(method, path.split('?')[0] as string, answer);
    return answer;
  }

  /** Throws unless the document has the answer. What no route has may only be refused. */
  #check(method: string, path: string, { status, body }: Answer): void {
    const basePath = new URL(this.#base).pathname;
    const route = this.#routeOf(`${basePath}${path}`, method);
    if (route === null) {
      expect([404, 405]).toContain(status);
      this.#validator('#/components/schemas/Refusal', body);
      return;
    }
    const documented = this.#document.paths[route]?.[method.toLowerCase()]?.responses[status];
    expect(documented, `${method} ${route} answered ${status}, which the document does not have`).toBeDefined();
    DocumentedCalls.seen.add(`${method} ${route.slice(basePath.length)} ${status}`);
    const pointer = [route, method.toLowerCase(), 'responses', String(status), 'content', 'application/json', 'schema'];
    if (documented?.content?.['application/json'] === undefined) return;
    this.#validator(
      `#/paths/${pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`,
      body,
    );
  }

  #validator(pointer: string, body: unknown): void {
    let validate = this.#validators.get(pointer);
    if (validate === undefined) {
      validate = this.#ajv.compile({ $ref: `doc${pointer}` });
      this.#validators.set(pointer, validate);
    }
    expect(validate(body) ? [] : validate.errors, `${pointer}: ${JSON.stringify(body)}`).toEqual([]);
  }

  /** A path without parameters goes before one with. */
  #routeOf(path: string, method: string): string | null {
    const routes = Object.entries(this.#document.paths)
      .filter(([, methods]) => method.toLowerCase() in methods)
      .map(([route]) => route)
      .toSorted((a, b) => Number(a.includes('{')) - Number(b.includes('{')));
    return (
      routes.find((route) =>
        new RegExp(`^${route.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
      ) ?? null
    );
  }
}
