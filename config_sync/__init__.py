"""The compiler and the publisher: configuration in, verified snapshots out. May be slow; never ships in a hot bundle."""
