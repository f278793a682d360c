"""python -m picojoule.calibrate.kernels --data DIR: fit the kernel laws and store them."""

from picojoule.calibrate.kernels.fit import main

main()
