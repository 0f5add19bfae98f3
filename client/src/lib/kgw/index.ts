// A client of kgw.v1 that stands by itself: no React, no store, no DOM beyond WebSocket and timers. client/README.md
// shows how it is used.
export { KgwClient, KernelChannel, RefusedError, RunChannel, type KernelEvents, type KgwClientOptions, type RunEvents, type WorkspaceEvents } from "./client";
export { Connection, type ConnectionState } from "./connection";
export { kernelSockets } from "./kernelSocket";
export { type JupyterHeader, type JupyterMessage } from "./frames";
export type { EndReason, Gap, KernelModel, Port, RunModel, RunState, Signal, WorkspaceModel } from "./protocol";
