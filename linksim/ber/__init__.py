"""`linksim ber` and `linksim replay`: error rates of codes over channels, without images.

grid       the points of --ebn0 and --esn0                 request    words of the command line -> curves
stopping   units of frames, and when a point is done       store      what was counted, kept unit by unit
simulate   curves, point by point                          rows       one row a point, CSV, Parquet, JSON
board      the table on the terminal                       aff3ct     AFF3CT's text format
bounds     theory to compare with    figure                replay     one frame, stage by stage
"""
