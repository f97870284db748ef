"""Work in units of seconds: what is due, who computes it, and what comes back.

units     a plan's trials in chunks, named by their content
compute   task -> rows and pictures, a pure function
crew      whoever computes tasks: this process, processes of this machine, a cluster
schedule  which tasks are due, and when a point has trials enough
"""
