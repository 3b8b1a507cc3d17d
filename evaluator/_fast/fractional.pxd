cdef object affix(list values, bint start)
cdef object compared_versions(list values)
cdef object fractional(int op, list values, bint literal, object flag_key, dict context)
