"""A host's network: Pod links, Services in the kernel, names. Effect: netlink, nftables, one DNS process."""
