"""The HSM sidecar: the only process that loads a PKCS#11 module and knows a PIN.

::

    supervisor ── exec ──► worker ── opens ──► OpenToken ◄── Keys ◄── server (gRPC over the socket)
      restarts it            │ state, health, self-check          one session per thread
      knows no PIN           └─ exits when the token is lost

Recovery is always the same: the worker ends, its successor starts afresh. A PKCS#11 module that lost its token keeps
handles that look alive and are dead, and SoftHSM returns leaked memory only at C_Finalize.
"""
