"""Published architectures as torch modules without weights, to be traced and counted.

Each function returns (module on the meta device, inputs). Their parameters and MACs are held to
what their papers print.
"""
