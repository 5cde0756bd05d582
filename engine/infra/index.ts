/**
 * Which machine does what: the rules by which proxies and gateways are chosen.
 * Guarantees: pure functions of what is known of the machines now; the same input gives the same choice; a choice that cannot be made says why.
 * Not here: asking machines how they are, counting tasks (jobs/slots.ts), moving data (mover).
 */
export { chooseGateways, type GatewayRequest, type GatewayWork, type WanAccelerators } from './choose-gateway.ts';
export { chooseProxies, type ProxyRequest, type ProxyWork } from './choose-proxy.ts';
export type { Machine } from './machine.ts';
