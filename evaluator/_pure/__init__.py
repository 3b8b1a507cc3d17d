"""The pure Python core: the oracle that the Cython core is compared with, and the fallback where there is no compiler.

Written to be read, never to be quick. Import the module you need; the public class is in ``evaluator``.
"""
