"""Generated protobuf messages and stubs; see protos/."""
