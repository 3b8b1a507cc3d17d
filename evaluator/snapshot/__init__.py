"""The snapshot format: codes, row layouts, the msgpack body and its encoder. Names only; import the module you need."""
