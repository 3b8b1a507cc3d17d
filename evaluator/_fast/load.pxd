from evaluator._fast.program cimport Program


cdef Program load(object data)
