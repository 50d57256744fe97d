"""One honest run of the product: a live database becomes encrypted on the local cloud, under write load, and what came
of it is read from the databases. The whole-execution tests stand on the same parts."""
