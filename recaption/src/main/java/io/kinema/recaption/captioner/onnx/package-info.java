/** A captioner that others have trained, in files of ONNX. */
package io.kinema.recaption.captioner.onnx;
