cdef object canonical_cbor(object value, int depth)
