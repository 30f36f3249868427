"""Generated protobuf messages; see protos/."""
