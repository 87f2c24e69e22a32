/** The wire contracts, from what scripts/build.mjs made of the .proto files. */
import { type GrpcObject, loadPackageDefinition, logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import type { ProtoGrpcType as AgentSession } from '#proto/generated/agent_session.js';
import type { ProtoGrpcType as AgentToAgent } from '#proto/generated/agent_to_agent.js';
import { descriptors } from '#proto/generated/descriptors.js';
import type { ProtoGrpcType as Operator } from '#proto/generated/operator.js';
import type { ProtoGrpcType as Salvages } from '#proto/generated/salvages.js';
import type { ProtoGrpcType as Topology } from '#proto/generated/topology.js';

// grpc-js writes lines of its own to stderr, among ours; what goes wrong is also told to whoever called.
if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE);

/** Services and messages of package tanist.v1. */
export const wire = load().tanist.v1;

function load(): AgentSession & AgentToAgent & Operator & Salvages & Topology {
  const definition = fromJSON(descriptors, {
    longs: String, // 64 bits do not fit into a number; the codec turns the text into a bigint
    enums: String,
    bytes: Buffer,
    defaults: true, // every field is there, so the codec never meets undefined outside a oneof
    arrays: true,
    objects: false, // a message that was not sent is null, which is not an empty one
    oneofs: true,
    json: false,
  });
  // The loader knows the form only at run time; scripts/build.mjs generates the types from the same files and options.
  const loaded: GrpcObject = loadPackageDefinition(definition);
  return loaded as unknown as AgentSession & AgentToAgent & Operator & Salvages & Topology;
}
