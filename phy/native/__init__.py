"""The native engine: the whole chain in Numba on the CPU, 64 frames in the lanes of vectors.

The only package that imports numba and llvmlite; `phy.engine` imports it when it is asked for.

    vector_types, vectors  64-byte vectors for Numba     compiling   decorators, one cache
    elementary  exp, log, sqrt, sine in float32           lanes       frames into lanes and back
    random      Philox, bits and normals                  graph       a code as the kernels read it
    minsum      int8 layered min-sum                      soft        float32 message passing
    encode, demap                                         fused       bits to error counts
    engine      the Engine of NumPy borders
"""
