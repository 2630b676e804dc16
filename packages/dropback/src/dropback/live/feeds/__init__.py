"""The live plays of feeds: their events in one order, their state, and who feeds them.

Nothing is imported here: only the service needs the packages of these modules.
"""
