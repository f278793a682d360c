"""Published architectures as torch modules without weights, to be traced and counted.

Each file has one: a function that returns the module on the meta device, for inputs such as
`build.image()`. Their parameters and MACs are held to what their papers print.
"""
