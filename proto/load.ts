/**
 * The wire contracts, read from the .proto files when the program starts. They lie in the package's root, which is one
 * folder up from here in the sources and two in dist/; so the root is looked for, not assumed.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type GrpcObject, loadPackageDefinition, logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType as AgentSession } from '#proto/generated/agent_session.js';
import type { ProtoGrpcType as AgentToAgent } from '#proto/generated/agent_to_agent.js';
import type { ProtoGrpcType as Operator } from '#proto/generated/operator.js';

// grpc-js writes lines of its own to stderr, among ours; what goes wrong is also told to whoever called.
if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE);

const PROTO_FOLDER = path.join(packageRoot(import.meta.dirname), 'proto');

/** Services and messages of package tanist.v1. */
export const wire = load().tanist.v1;

function load(): AgentSession & AgentToAgent & Operator {
  const files = ['agent_session', 'agent_to_agent', 'operator'].map((name) => `tanist/v1/${name}.proto`);
  const definition = loadSync(files, {
    includeDirs: [PROTO_FOLDER],
    keepCase: false,
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
  return loaded as unknown as AgentSession & AgentToAgent & Operator;
}

function packageRoot(from: string): string {
  if (existsSync(path.join(from, 'package.json'))) return from;
  const parent = path.dirname(from);
  if (parent === from)
    throw new Error(`${import.meta.filename} lies in no package: its .proto files cannot be found`);
  return packageRoot(parent);
}
