"""What is wrong with this device, and what to do about it: one small file for each thing that is looked at."""
