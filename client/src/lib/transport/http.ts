// Requests to the server. All addresses are relative to the page: it may stand below a base URL or below /t/TOKEN/.
import { ServerError } from "./runLink";

export function apiUrl(path: string): string {
  return new URL(`api/${path}`, document.baseURI).href;
}

async function sentence(response: Response): Promise<string> {
  try {
    const body: unknown = await response.json();
    if (typeof body === "object" && body !== null && "message" in body && typeof body.message === "string") return body.message;
  } catch {
    // not JSON: a proxy's page, say
  }
  return `${response.status} ${response.statusText}`;
}

/** The answer, or a ServerError: with its status when it is a refusal, with 0 when there was none. */
export async function request(method: string, path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(apiUrl(path), { method, credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (options.signal?.aborted && !(options.signal.reason instanceof DOMException && options.signal.reason.name === "TimeoutError")) throw error;
    throw new ServerError(error instanceof Error ? error.message : String(error), 0);
  }
  if (!response.ok) throw new ServerError(await sentence(response), response.status);
  return response;
}

export async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  const options: RequestInit = { signal: AbortSignal.timeout(60_000) };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  const response = await request(method, path, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Who the server takes us for: true when we may do something. */
export async function signedIn(signal: AbortSignal): Promise<boolean> {
  try {
    await request("GET", "me", { signal });
    return true;
  } catch (error) {
    if (error instanceof ServerError && (error.status === 403 || error.status === 401)) return false;
    throw error;
  }
}

/** Shows the token once; the server makes a cookie of it. */
export async function signIn(token: string): Promise<boolean> {
  const url = new URL("./", document.baseURI);
  url.searchParams.set("token", token);
  await fetch(url, { headers: { Accept: "text/html" }, credentials: "same-origin", cache: "no-store" });
  return signedIn(AbortSignal.timeout(10_000));
}

/** The token has become a cookie: it need not stay where others look over a shoulder. */
export function hideToken(): void {
  const url = new URL(location.href);
  if (!url.searchParams.has("token")) return;
  url.searchParams.delete("token");
  history.replaceState(history.state, "", url);
}

/** The address of the page's own WebSocket. */
export function socketUrl(): string {
  const url = new URL(apiUrl("kgw/ws"));
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
